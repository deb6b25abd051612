"""Generated from proto/inference.proto by proto/generate.py. Do not edit."""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

POOL = descriptor_pool.DescriptorPool()
POOL.AddSerializedFile(
    b'\n\x0finference.proto\x12\tinference"\x13\n\x11ServerLiveRequest"(\n\x12ServerLiveR'
    b'esponse\x12\x12\n\x04live\x18\x01 \x01(\x08R\x04live"\x14\n\x12ServerReadyRequest"+\n\x13ServerReady'
    b'Response\x12\x14\n\x05ready\x18\x01 \x01(\x08R\x05ready"A\n\x11ModelReadyRequest\x12\x12\n\x04name\x18\x01 \x01('
    b'\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version"*\n\x12ModelReadyResponse\x12\x14\n\x05ready'
    b'\x18\x01 \x01(\x08R\x05ready"\x17\n\x15ServerMetadataRequest"f\n\x16ServerMetadataResponse'
    b'\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version\x12\x1e\n\nextensions\x18\x03 \x03'
    b'(\tR\nextensions"D\n\x14ModelMetadataRequest\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07ve'
    b'rsion\x18\x02 \x01(\tR\x07version"\xe0\x03\n\x15ModelMetadataResponse\x12\x12\n\x04name\x18\x01 \x01(\tR\x04na'
    b'me\x12\x1a\n\x08versions\x18\x02 \x03(\tR\x08versions\x12\x1a\n\x08platform\x18\x03 \x01(\tR\x08platform\x12G\n\x06in'
    b'puts\x18\x04 \x03(\x0b2/.inference.ModelMetadataResponse.TensorMetadataR\x06inp'
    b'uts\x12I\n\x07outputs\x18\x05 \x03(\x0b2/.inference.ModelMetadataResponse.TensorMet'
    b'adataR\x07outputs\x12P\n\nproperties\x18\x06 \x03(\x0b20.inference.ModelMetadataResp'
    b'onse.PropertiesEntryR\nproperties\x1aV\n\x0eTensorMetadata\x12\x12\n\x04name\x18\x01 \x01(\t'
    b'R\x04name\x12\x1a\n\x08datatype\x18\x02 \x01(\tR\x08datatype\x12\x14\n\x05shape\x18\x03 \x03(\x03R\x05shape\x1a=\n\x0fProp'
    b'ertiesEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"\x9d\x08\n\x11Mode'
    b'lInferRequest\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12#\n\rmodel_version\x18\x02 '
    b'\x01(\tR\x0cmodelVersion\x12\x0e\n\x02id\x18\x03 \x01(\tR\x02id\x12L\n\nparameters\x18\x04 \x03(\x0b2,.inferenc'
    b'e.ModelInferRequest.ParametersEntryR\nparameters\x12E\n\x06inputs\x18\x05 \x03(\x0b2'
    b'-.inference.ModelInferRequest.InferInputTensorR\x06inputs\x12Q\n\x07output'
    b's\x18\x06 \x03(\x0b27.inference.ModelInferRequest.InferRequestedOutputTensor'
    b'R\x07outputs\x12,\n\x12raw_input_contents\x18\x07 \x03(\x0cR\x10rawInputContents\x1a\xcd\x02\n\x10Infe'
    b'rInputTensor\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x1a\n\x08datatype\x18\x02 \x01(\tR\x08datatype\x12\x14\n\x05'
    b'shape\x18\x03 \x03(\x03R\x05shape\x12]\n\nparameters\x18\x04 \x03(\x0b2=.inference.ModelInferReq'
    b'uest.InferInputTensor.ParametersEntryR\nparameters\x12:\n\x08contents\x18\x05 '
    b'\x01(\x0b2\x1e.inference.InferTensorContentsR\x08contents\x1aX\n\x0fParametersEntry'
    b'\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.InferParameterR\x05va'
    b'lue:\x028\x01\x1a\xf3\x01\n\x1aInferRequestedOutputTensor\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12g\n\npa'
    b'rameters\x18\x02 \x03(\x0b2G.inference.ModelInferRequest.InferRequestedOutpu'
    b'tTensor.ParametersEntryR\nparameters\x1aX\n\x0fParametersEntry\x12\x10\n\x03key\x18\x01 '
    b'\x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.InferParameterR\x05value:\x028\x01\x1aX\n'
    b'\x0fParametersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.In'
    b'ferParameterR\x05value:\x028\x01"\xdf\x05\n\x12ModelInferResponse\x12\x1d\n\nmodel_name\x18\x01 \x01'
    b'(\tR\tmodelName\x12#\n\rmodel_version\x18\x02 \x01(\tR\x0cmodelVersion\x12\x0e\n\x02id\x18\x03 \x01(\tR\x02'
    b'id\x12M\n\nparameters\x18\x04 \x03(\x0b2-.inference.ModelInferResponse.Parameters'
    b'EntryR\nparameters\x12I\n\x07outputs\x18\x05 \x03(\x0b2/.inference.ModelInferRespons'
    b'e.InferOutputTensorR\x07outputs\x12.\n\x13raw_output_contents\x18\x06 \x03(\x0cR\x11rawOu'
    b'tputContents\x1a\xd0\x02\n\x11InferOutputTensor\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x1a\n\x08dataty'
    b'pe\x18\x02 \x01(\tR\x08datatype\x12\x14\n\x05shape\x18\x03 \x03(\x03R\x05shape\x12_\n\nparameters\x18\x04 \x03(\x0b2?.i'
    b'nference.ModelInferResponse.InferOutputTensor.ParametersEntryR\np'
    b'arameters\x12:\n\x08contents\x18\x05 \x01(\x0b2\x1e.inference.InferTensorContentsR\x08con'
    b'tents\x1aX\n\x0fParametersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.infe'
    b'rence.InferParameterR\x05value:\x028\x01\x1aX\n\x0fParametersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR'
    b'\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.InferParameterR\x05value:\x028\x01"\x85\x01\n\x18Mo'
    b'delStreamInferResponse\x12#\n\rerror_message\x18\x01 \x01(\tR\x0cerrorMessage\x12D\n\x0ei'
    b'nfer_response\x18\x02 \x01(\x0b2\x1d.inference.ModelInferResponseR\rinferRespons'
    b'e"\xd7\x01\n\x0eInferParameter\x12\x1f\n\nbool_param\x18\x01 \x01(\x08H\x00R\tboolParam\x12!\n\x0bint64_p'
    b'aram\x18\x02 \x01(\x03H\x00R\nint64Param\x12#\n\x0cstring_param\x18\x03 \x01(\tH\x00R\x0bstringParam\x12#\n'
    b'\x0cdouble_param\x18\x04 \x01(\x01H\x00R\x0bdoubleParam\x12#\n\x0cuint64_param\x18\x05 \x01(\x04H\x00R\x0buint'
    b'64ParamB\x12\n\x10parameter_choice"\xc3\x02\n\x13InferTensorContents\x12#\n\rbool_cont'
    b'ents\x18\x01 \x03(\x08R\x0cboolContents\x12!\n\x0cint_contents\x18\x02 \x03(\x05R\x0bintContents\x12%\n\x0ei'
    b'nt64_contents\x18\x03 \x03(\x03R\rint64Contents\x12#\n\ruint_contents\x18\x04 \x03(\rR\x0cuintC'
    b"ontents\x12'\n\x0fuint64_contents\x18\x05 \x03(\x04R\x0euint64Contents\x12#\n\rfp32_content"
    b's\x18\x06 \x03(\x02R\x0cfp32Contents\x12#\n\rfp64_contents\x18\x07 \x03(\x01R\x0cfp64Contents\x12%\n\x0eby'
    b'tes_contents\x18\x08 \x03(\x0cR\rbytesContents"B\n\x12ModelConfigRequest\x12\x12\n\x04name\x18'
    b'\x01 \x01(\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version"E\n\x13ModelConfigResponse\x12.\n\x06'
    b'config\x18\x01 \x01(\x0b2\x16.inference.ModelConfigR\x06config"F\n\x16ModelStatisticsR'
    b'equest\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version"V\n\x17ModelSta'
    b'tisticsResponse\x12;\n\x0bmodel_stats\x18\x01 \x03(\x0b2\x1a.inference.ModelStatistics'
    b'R\nmodelStats"9\n\x11StatisticDuration\x12\x14\n\x05count\x18\x01 \x01(\x04R\x05count\x12\x0e\n\x02ns\x18\x02 '
    b'\x01(\x04R\x02ns"\xf2\x03\n\x0fInferStatistics\x126\n\x07success\x18\x01 \x01(\x0b2\x1c.inference.Statist'
    b'icDurationR\x07success\x120\n\x04fail\x18\x02 \x01(\x0b2\x1c.inference.StatisticDurationR'
    b'\x04fail\x122\n\x05queue\x18\x03 \x01(\x0b2\x1c.inference.StatisticDurationR\x05queue\x12A\n\rcom'
    b'pute_input\x18\x04 \x01(\x0b2\x1c.inference.StatisticDurationR\x0ccomputeInput\x12A\n\r'
    b'compute_infer\x18\x05 \x01(\x0b2\x1c.inference.StatisticDurationR\x0ccomputeInfer\x12'
    b'C\n\x0ecompute_output\x18\x06 \x01(\x0b2\x1c.inference.StatisticDurationR\rcomputeOu'
    b'tput\x129\n\tcache_hit\x18\x07 \x01(\x0b2\x1c.inference.StatisticDurationR\x08cacheHit\x12'
    b';\n\ncache_miss\x18\x08 \x01(\x0b2\x1c.inference.StatisticDurationR\tcacheMiss"\x86\x03\n'
    b'\x17InferResponseStatistics\x12A\n\rcompute_infer\x18\x01 \x01(\x0b2\x1c.inference.Stat'
    b'isticDurationR\x0ccomputeInfer\x12C\n\x0ecompute_output\x18\x02 \x01(\x0b2\x1c.inference.'
    b'StatisticDurationR\rcomputeOutput\x126\n\x07success\x18\x03 \x01(\x0b2\x1c.inference.St'
    b'atisticDurationR\x07success\x120\n\x04fail\x18\x04 \x01(\x0b2\x1c.inference.StatisticDura'
    b'tionR\x04fail\x12C\n\x0eempty_response\x18\x05 \x01(\x0b2\x1c.inference.StatisticDuration'
    b'R\remptyResponse\x124\n\x06cancel\x18\x06 \x01(\x0b2\x1c.inference.StatisticDurationR\x06c'
    b'ancel"\x80\x02\n\x14InferBatchStatistics\x12\x1d\n\nbatch_size\x18\x01 \x01(\x04R\tbatchSize\x12A\n'
    b'\rcompute_input\x18\x02 \x01(\x0b2\x1c.inference.StatisticDurationR\x0ccomputeInput'
    b'\x12A\n\rcompute_infer\x18\x03 \x01(\x0b2\x1c.inference.StatisticDurationR\x0ccomputeIn'
    b'fer\x12C\n\x0ecompute_output\x18\x04 \x01(\x0b2\x1c.inference.StatisticDurationR\rcompu'
    b'teOutput"N\n\x0bMemoryUsage\x12\x12\n\x04type\x18\x01 \x01(\tR\x04type\x12\x0e\n\x02id\x18\x02 \x01(\x03R\x02id\x12\x1b\n\tb'
    b'yte_size\x18\x03 \x01(\x04R\x08byteSize"\xb6\x04\n\x0fModelStatistics\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name'
    b'\x12\x18\n\x07version\x18\x02 \x01(\tR\x07version\x12%\n\x0elast_inference\x18\x03 \x01(\x04R\rlastInferenc'
    b"e\x12'\n\x0finference_count\x18\x04 \x01(\x04R\x0einferenceCount\x12'\n\x0fexecution_count\x18\x05 "
    b'\x01(\x04R\x0eexecutionCount\x12C\n\x0finference_stats\x18\x06 \x01(\x0b2\x1a.inference.InferSt'
    b'atisticsR\x0einferenceStats\x12@\n\x0bbatch_stats\x18\x07 \x03(\x0b2\x1f.inference.InferB'
    b'atchStatisticsR\nbatchStats\x129\n\x0cmemory_usage\x18\x08 \x03(\x0b2\x16.inference.Mem'
    b'oryUsageR\x0bmemoryUsage\x12T\n\x0eresponse_stats\x18\t \x03(\x0b2-.inference.ModelS'
    b'tatistics.ResponseStatsEntryR\rresponseStats\x1ad\n\x12ResponseStatsEntr'
    b'y\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x128\n\x05value\x18\x02 \x01(\x0b2".inference.InferResponseStat'
    b'isticsR\x05value:\x028\x01"W\n\x16RepositoryIndexRequest\x12\'\n\x0frepository_name\x18\x01'
    b' \x01(\tR\x0erepositoryName\x12\x14\n\x05ready\x18\x02 \x01(\x08R\x05ready"\xca\x01\n\x17RepositoryIndexRe'
    b'sponse\x12E\n\x06models\x18\x01 \x03(\x0b2-.inference.RepositoryIndexResponse.Model'
    b'IndexR\x06models\x1ah\n\nModelIndex\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x18\n\x07version\x18\x02 \x01(\t'
    b'R\x07version\x12\x14\n\x05state\x18\x03 \x01(\tR\x05state\x12\x16\n\x06reason\x18\x04 \x01(\tR\x06reason"\xba\x01\n\x18Mode'
    b'lRepositoryParameter\x12\x1f\n\nbool_param\x18\x01 \x01(\x08H\x00R\tboolParam\x12!\n\x0bint64_p'
    b'aram\x18\x02 \x01(\x03H\x00R\nint64Param\x12#\n\x0cstring_param\x18\x03 \x01(\tH\x00R\x0bstringParam\x12!\n'
    b'\x0bbytes_param\x18\x04 \x01(\x0cH\x00R\nbytesParamB\x12\n\x10parameter_choice"\x9f\x02\n\x1aReposit'
    b"oryModelLoadRequest\x12'\n\x0frepository_name\x18\x01 \x01(\tR\x0erepositoryName\x12\x1d\n\n"
    b'model_name\x18\x02 \x01(\tR\tmodelName\x12U\n\nparameters\x18\x03 \x03(\x0b25.inference.Repo'
    b'sitoryModelLoadRequest.ParametersEntryR\nparameters\x1ab\n\x0fParameters'
    b'Entry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x129\n\x05value\x18\x02 \x01(\x0b2#.inference.ModelReposito'
    b'ryParameterR\x05value:\x028\x01"\x1d\n\x1bRepositoryModelLoadResponse"\xa3\x02\n\x1cReposi'
    b"toryModelUnloadRequest\x12'\n\x0frepository_name\x18\x01 \x01(\tR\x0erepositoryName\x12"
    b'\x1d\n\nmodel_name\x18\x02 \x01(\tR\tmodelName\x12W\n\nparameters\x18\x03 \x03(\x0b27.inference.R'
    b'epositoryModelUnloadRequest.ParametersEntryR\nparameters\x1ab\n\x0fParam'
    b'etersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x129\n\x05value\x18\x02 \x01(\x0b2#.inference.ModelRep'
    b'ositoryParameterR\x05value:\x028\x01"\x1f\n\x1dRepositoryModelUnloadResponse"5\n\x1f'
    b'SystemSharedMemoryStatusRequest\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name"\xd7\x02\n SystemSh'
    b'aredMemoryStatusResponse\x12R\n\x07regions\x18\x01 \x03(\x0b28.inference.SystemShar'
    b'edMemoryStatusResponse.RegionsEntryR\x07regions\x1ai\n\x0cRegionStatus\x12\x12\n\x04'
    b'name\x18\x01 \x01(\tR\x04name\x12\x10\n\x03key\x18\x02 \x01(\tR\x03key\x12\x16\n\x06offset\x18\x03 \x01(\x04R\x06offset\x12\x1b\n\tby'
    b'te_size\x18\x04 \x01(\x04R\x08byteSize\x1at\n\x0cRegionsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12N\n\x05val'
    b'ue\x18\x02 \x01(\x0b28.inference.SystemSharedMemoryStatusResponse.RegionStat'
    b'usR\x05value:\x028\x01"~\n!SystemSharedMemoryRegisterRequest\x12\x12\n\x04name\x18\x01 \x01(\t'
    b'R\x04name\x12\x10\n\x03key\x18\x02 \x01(\tR\x03key\x12\x16\n\x06offset\x18\x03 \x01(\x04R\x06offset\x12\x1b\n\tbyte_size\x18\x04 '
    b'\x01(\x04R\x08byteSize"$\n"SystemSharedMemoryRegisterResponse"9\n#SystemSha'
    b'redMemoryUnregisterRequest\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name"&\n$SystemSharedMe'
    b'moryUnregisterResponse"3\n\x1dCudaSharedMemoryStatusRequest\x12\x12\n\x04name\x18'
    b'\x01 \x01(\tR\x04name"\xc4\x02\n\x1eCudaSharedMemoryStatusResponse\x12P\n\x07regions\x18\x01 \x03(\x0b2'
    b'6.inference.CudaSharedMemoryStatusResponse.RegionsEntryR\x07regions'
    b'\x1a\\\n\x0cRegionStatus\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x1b\n\tdevice_id\x18\x02 \x01(\x04R\x08deviceI'
    b'd\x12\x1b\n\tbyte_size\x18\x03 \x01(\x04R\x08byteSize\x1ar\n\x0cRegionsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key'
    b'\x12L\n\x05value\x18\x02 \x01(\x0b26.inference.CudaSharedMemoryStatusResponse.Regio'
    b'nStatusR\x05value:\x028\x01"\x8e\x01\n\x1fCudaSharedMemoryRegisterRequest\x12\x12\n\x04name\x18\x01'
    b' \x01(\tR\x04name\x12\x1d\n\nraw_handle\x18\x02 \x01(\x0cR\trawHandle\x12\x1b\n\tdevice_id\x18\x03 \x01(\x03R\x08de'
    b'viceId\x12\x1b\n\tbyte_size\x18\x04 \x01(\x04R\x08byteSize""\n CudaSharedMemoryRegisterR'
    b'esponse"7\n!CudaSharedMemoryUnregisterRequest\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name'
    b'"$\n"CudaSharedMemoryUnregisterResponse"\x8e\x02\n\x13TraceSettingRequest\x12H'
    b'\n\x08settings\x18\x01 \x03(\x0b2,.inference.TraceSettingRequest.SettingsEntryR\x08'
    b'settings\x12\x1d\n\nmodel_name\x18\x02 \x01(\tR\tmodelName\x1a$\n\x0cSettingValue\x12\x14\n\x05value'
    b'\x18\x01 \x03(\tR\x05value\x1ah\n\rSettingsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12A\n\x05value\x18\x02 \x01(\x0b2'
    b'+.inference.TraceSettingRequest.SettingValueR\x05value:\x028\x01"\xf2\x01\n\x14Trac'
    b'eSettingResponse\x12I\n\x08settings\x18\x01 \x03(\x0b2-.inference.TraceSettingRespo'
    b'nse.SettingsEntryR\x08settings\x1a$\n\x0cSettingValue\x12\x14\n\x05value\x18\x01 \x03(\tR\x05valu'
    b'e\x1ai\n\rSettingsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12B\n\x05value\x18\x02 \x01(\x0b2,.inference.'
    b'TraceSettingResponse.SettingValueR\x05value:\x028\x01"\xd6\x02\n\x12LogSettingsRequ'
    b'est\x12G\n\x08settings\x18\x01 \x03(\x0b2+.inference.LogSettingsRequest.SettingsEnt'
    b'ryR\x08settings\x1a\x8d\x01\n\x0cSettingValue\x12\x1f\n\nbool_param\x18\x01 \x01(\x08H\x00R\tboolParam\x12#'
    b'\n\x0cuint32_param\x18\x02 \x01(\rH\x00R\x0buint32Param\x12#\n\x0cstring_param\x18\x03 \x01(\tH\x00R\x0bstr'
    b'ingParamB\x12\n\x10parameter_choice\x1ag\n\rSettingsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12'
    b'@\n\x05value\x18\x02 \x01(\x0b2*.inference.LogSettingsRequest.SettingValueR\x05valu'
    b'e:\x028\x01"\xd9\x02\n\x13LogSettingsResponse\x12H\n\x08settings\x18\x01 \x03(\x0b2,.inference.LogS'
    b'ettingsResponse.SettingsEntryR\x08settings\x1a\x8d\x01\n\x0cSettingValue\x12\x1f\n\nbool'
    b'_param\x18\x01 \x01(\x08H\x00R\tboolParam\x12#\n\x0cuint32_param\x18\x02 \x01(\rH\x00R\x0buint32Param\x12#'
    b'\n\x0cstring_param\x18\x03 \x01(\tH\x00R\x0bstringParamB\x12\n\x10parameter_choice\x1ah\n\rSetti'
    b'ngsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12A\n\x05value\x18\x02 \x01(\x0b2+.inference.LogSetting'
    b'sResponse.SettingValueR\x05value:\x028\x01"\xfc\r\n\x0bModelConfig\x12\x12\n\x04name\x18\x01 \x01(\tR'
    b'\x04name\x12\x1a\n\x08platform\x18\x02 \x01(\tR\x08platform\x12\x18\n\x07backend\x18\x11 \x01(\tR\x07backend\x12\x18\n\x07r'
    b'untime\x18\x19 \x01(\tR\x07runtime\x12D\n\x0eversion_policy\x18\x03 \x01(\x0b2\x1d.inference.ModelV'
    b'ersionPolicyR\rversionPolicy\x12$\n\x0emax_batch_size\x18\x04 \x01(\x05R\x0cmaxBatchSiz'
    b'e\x12+\n\x05input\x18\x05 \x03(\x0b2\x15.inference.ModelInputR\x05input\x12.\n\x06output\x18\x06 \x03(\x0b2\x16'
    b'.inference.ModelOutputR\x06output\x126\n\x0bbatch_input\x18\x14 \x03(\x0b2\x15.inference.'
    b'BatchInputR\nbatchInput\x129\n\x0cbatch_output\x18\x15 \x03(\x0b2\x16.inference.BatchOu'
    b'tputR\x0bbatchOutput\x12F\n\x0coptimization\x18\x0c \x01(\x0b2".inference.ModelOptimiz'
    b'ationPolicyR\x0coptimization\x12L\n\x10dynamic_batching\x18\x0b \x01(\x0b2\x1f.inference.'
    b'ModelDynamicBatchingH\x00R\x0fdynamicBatching\x12O\n\x11sequence_batching\x18\r \x01'
    b'(\x0b2 .inference.ModelSequenceBatchingH\x00R\x10sequenceBatching\x12M\n\x13ense'
    b'mble_scheduling\x18\x0f \x01(\x0b2\x1a.inference.ModelEnsemblingH\x00R\x12ensembleSch'
    b'eduling\x12D\n\x0einstance_group\x18\x07 \x03(\x0b2\x1d.inference.ModelInstanceGroupR\r'
    b'instanceGroup\x124\n\x16default_model_filename\x18\x08 \x01(\tR\x14defaultModelFilen'
    b'ame\x12Z\n\x12cc_model_filenames\x18\t \x03(\x0b2,.inference.ModelConfig.CcModelF'
    b'ilenamesEntryR\x10ccModelFilenames\x12G\n\x0bmetric_tags\x18\n \x03(\x0b2&.inference'
    b'.ModelConfig.MetricTagsEntryR\nmetricTags\x12F\n\nparameters\x18\x0e \x03(\x0b2&.i'
    b'nference.ModelConfig.ParametersEntryR\nparameters\x129\n\x0cmodel_warmup'
    b'\x18\x10 \x03(\x0b2\x16.inference.ModelWarmupR\x0bmodelWarmup\x12E\n\x10model_operations\x18'
    b'\x12 \x01(\x0b2\x1a.inference.ModelOperationsR\x0fmodelOperations\x12[\n\x18model_tran'
    b'saction_policy\x18\x13 \x01(\x0b2!.inference.ModelTransactionPolicyR\x16modelTr'
    b'ansactionPolicy\x12X\n\x17model_repository_agents\x18\x17 \x01(\x0b2 .inference.Mod'
    b'elRepositoryAgentsR\x15modelRepositoryAgents\x12D\n\x0eresponse_cache\x18\x18 \x01('
    b'\x0b2\x1d.inference.ModelResponseCacheR\rresponseCache\x12<\n\rmodel_metrics'
    b'\x18\x1a \x01(\x0b2\x17.inference.ModelMetricsR\x0cmodelMetrics\x1aC\n\x15CcModelFilename'
    b'sEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01\x1a=\n\x0fMetricTags'
    b'Entry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01\x1aX\n\x0fParametersE'
    b'ntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.ModelParameter'
    b'R\x05value:\x028\x01B\x13\n\x11scheduling_choice"\xbe\x02\n\x12ModelVersionPolicy\x12>\n\x06lates'
    b't\x18\x01 \x01(\x0b2$.inference.ModelVersionPolicy.LatestH\x00R\x06latest\x125\n\x03all\x18\x02'
    b' \x01(\x0b2!.inference.ModelVersionPolicy.AllH\x00R\x03all\x12D\n\x08specific\x18\x03 \x01(\x0b'
    b'2&.inference.ModelVersionPolicy.SpecificH\x00R\x08specific\x1a+\n\x06Latest\x12!'
    b'\n\x0cnum_versions\x18\x01 \x01(\rR\x0bnumVersions\x1a\x05\n\x03All\x1a&\n\x08Specific\x12\x1a\n\x08versions'
    b'\x18\x01 \x03(\x03R\x08versionsB\x0f\n\rpolicy_choice"*\n\x12ModelTensorReshape\x12\x14\n\x05shape'
    b'\x18\x01 \x03(\x03R\x05shape"\xba\x03\n\nModelInput\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x120\n\tdata_type\x18\x02 '
    b'\x01(\x0e2\x13.inference.DataTypeR\x08dataType\x124\n\x06format\x18\x03 \x01(\x0e2\x1c.inference.M'
    b'odelInput.FormatR\x06format\x12\x12\n\x04dims\x18\x04 \x03(\x03R\x04dims\x127\n\x07reshape\x18\x05 \x01(\x0b2\x1d.'
    b'inference.ModelTensorReshapeR\x07reshape\x12&\n\x0fis_shape_tensor\x18\x06 \x01(\x08R\r'
    b'isShapeTensor\x12,\n\x12allow_ragged_batch\x18\x07 \x01(\x08R\x10allowRaggedBatch\x12\x1a\n\x08o'
    b'ptional\x18\x08 \x01(\x08R\x08optional\x124\n\x17is_non_linear_format_io\x18\t \x01(\x08R\x13isNonL'
    b'inearFormatIo";\n\x06Format\x12\x0f\n\x0bFORMAT_NONE\x10\x00\x12\x0f\n\x0bFORMAT_NHWC\x10\x01\x12\x0f\n\x0bFOR'
    b'MAT_NCHW\x10\x02"\xa5\x02\n\x0bModelOutput\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x120\n\tdata_type\x18\x02 \x01('
    b'\x0e2\x13.inference.DataTypeR\x08dataType\x12\x12\n\x04dims\x18\x03 \x03(\x03R\x04dims\x127\n\x07reshape\x18'
    b'\x05 \x01(\x0b2\x1d.inference.ModelTensorReshapeR\x07reshape\x12%\n\x0elabel_filename\x18'
    b'\x04 \x01(\tR\rlabelFilename\x12&\n\x0fis_shape_tensor\x18\x06 \x01(\x08R\risShapeTensor\x124\n\x17'
    b'is_non_linear_format_io\x18\x07 \x01(\x08R\x13isNonLinearFormatIo"\x82\x03\n\nBatchInpu'
    b't\x12.\n\x04kind\x18\x01 \x01(\x0e2\x1a.inference.BatchInput.KindR\x04kind\x12\x1f\n\x0btarget_name'
    b'\x18\x02 \x03(\tR\ntargetName\x120\n\tdata_type\x18\x03 \x01(\x0e2\x13.inference.DataTypeR\x08data'
    b'Type\x12!\n\x0csource_input\x18\x04 \x03(\tR\x0bsourceInput"\xcd\x01\n\x04Kind\x12\x17\n\x13BATCH_ELEMEN'
    b'T_COUNT\x10\x00\x12#\n\x1fBATCH_ACCUMULATED_ELEMENT_COUNT\x10\x01\x12-\n)BATCH_ACCUMULA'
    b'TED_ELEMENT_COUNT_WITH_ZERO\x10\x02\x12$\n BATCH_MAX_ELEMENT_COUNT_AS_SHAP'
    b'E\x10\x03\x12\x14\n\x10BATCH_ITEM_SHAPE\x10\x04\x12\x1c\n\x18BATCH_ITEM_SHAPE_FLATTEN\x10\x05"\xae\x01\n\x0bBatc'
    b'hOutput\x12\x1f\n\x0btarget_name\x18\x01 \x03(\tR\ntargetName\x12/\n\x04kind\x18\x02 \x01(\x0e2\x1b.inferen'
    b'ce.BatchOutput.KindR\x04kind\x12!\n\x0csource_input\x18\x03 \x03(\tR\x0bsourceInput"*\n\x04'
    b'Kind\x12"\n\x1eBATCH_SCATTER_WITH_INPUT_SHAPE\x10\x00"\xc0\x01\n\x10ModelRateLimiter\x12B\n'
    b'\tresources\x18\x01 \x03(\x0b2$.inference.ModelRateLimiter.ResourceR\tresource'
    b's\x12\x1a\n\x08priority\x18\x02 \x01(\rR\x08priority\x1aL\n\x08Resource\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x16\n'
    b'\x06global\x18\x02 \x01(\x08R\x06global\x12\x14\n\x05count\x18\x03 \x01(\rR\x05count"\xed\x04\n\x12ModelInstanceGro'
    b'up\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x126\n\x04kind\x18\x04 \x01(\x0e2".inference.ModelInstanceGr'
    b'oup.KindR\x04kind\x12\x14\n\x05count\x18\x02 \x01(\x05R\x05count\x12>\n\x0crate_limiter\x18\x06 \x01(\x0b2\x1b.inf'
    b'erence.ModelRateLimiterR\x0brateLimiter\x12\x12\n\x04gpus\x18\x03 \x03(\x05R\x04gpus\x12Z\n\x11seco'
    b'ndary_devices\x18\x08 \x03(\x0b2-.inference.ModelInstanceGroup.SecondaryDevi'
    b'ceR\x10secondaryDevices\x12\x18\n\x07profile\x18\x05 \x03(\tR\x07profile\x12\x18\n\x07passive\x18\x07 \x01(\x08R'
    b'\x07passive\x12\x1f\n\x0bhost_policy\x18\t \x01(\tR\nhostPolicy\x1a\xac\x01\n\x0fSecondaryDevice\x12U\n'
    b'\x04kind\x18\x01 \x01(\x0e2A.inference.ModelInstanceGroup.SecondaryDevice.Secon'
    b'daryDeviceKindR\x04kind\x12\x1b\n\tdevice_id\x18\x02 \x01(\x03R\x08deviceId"%\n\x13SecondaryDe'
    b'viceKind\x12\x0e\n\nKIND_NVDLA\x10\x00"A\n\x04Kind\x12\r\n\tKIND_AUTO\x10\x00\x12\x0c\n\x08KIND_GPU\x10\x01\x12\x0c\n'
    b'\x08KIND_CPU\x10\x02\x12\x0e\n\nKIND_MODEL\x10\x03"\xe6\x10\n\x17ModelOptimizationPolicy\x12>\n\x05graph'
    b'\x18\x01 \x01(\x0b2(.inference.ModelOptimizationPolicy.GraphR\x05graph\x12L\n\x08prior'
    b'ity\x18\x02 \x01(\x0e20.inference.ModelOptimizationPolicy.ModelPriorityR\x08pri'
    b"ority\x12;\n\x04cuda\x18\x03 \x01(\x0b2'.inference.ModelOptimizationPolicy.CudaR\x04cu"
    b'da\x12o\n\x16execution_accelerators\x18\x04 \x01(\x0b28.inference.ModelOptimization'
    b'Policy.ExecutionAcceleratorsR\x15executionAccelerators\x12e\n\x13input_pin'
    b'ned_memory\x18\x05 \x01(\x0b25.inference.ModelOptimizationPolicy.PinnedMemor'
    b'yBufferR\x11inputPinnedMemory\x12g\n\x14output_pinned_memory\x18\x06 \x01(\x0b25.infer'
    b'ence.ModelOptimizationPolicy.PinnedMemoryBufferR\x12outputPinnedMem'
    b'ory\x12C\n\x1egather_kernel_buffer_threshold\x18\x07 \x01(\rR\x1bgatherKernelBufferT'
    b'hreshold\x12%\n\x0eeager_batching\x18\x08 \x01(\x08R\reagerBatching\x1a\x1d\n\x05Graph\x12\x14\n\x05leve'
    b'l\x18\x01 \x01(\x05R\x05level\x1a\xc1\x06\n\x04Cuda\x12\x16\n\x06graphs\x18\x01 \x01(\x08R\x06graphs\x12(\n\x10busy_wait_eve'
    b'nts\x18\x02 \x01(\x08R\x0ebusyWaitEvents\x12P\n\ngraph_spec\x18\x03 \x03(\x0b21.inference.ModelO'
    b'ptimizationPolicy.Cuda.GraphSpecR\tgraphSpec\x12,\n\x12output_copy_strea'
    b'm\x18\x04 \x01(\x08R\x10outputCopyStream\x1a\xf6\x04\n\tGraphSpec\x12\x1d\n\nbatch_size\x18\x01 \x01(\x05R\tbat'
    b'chSize\x12R\n\x05input\x18\x02 \x03(\x0b2<.inference.ModelOptimizationPolicy.Cuda.G'
    b'raphSpec.InputEntryR\x05input\x12h\n\x11graph_lower_bound\x18\x03 \x01(\x0b2<.inferenc'
    b'e.ModelOptimizationPolicy.Cuda.GraphSpec.LowerBoundR\x0fgraphLowerB'
    b'ound\x1a\x19\n\x05Shape\x12\x10\n\x03dim\x18\x01 \x03(\x03R\x03dim\x1a\xfd\x01\n\nLowerBound\x12\x1d\n\nbatch_size\x18\x01 \x01'
    b'(\x05R\tbatchSize\x12]\n\x05input\x18\x02 \x03(\x0b2G.inference.ModelOptimizationPolicy'
    b'.Cuda.GraphSpec.LowerBound.InputEntryR\x05input\x1aq\n\nInputEntry\x12\x10\n\x03ke'
    b'y\x18\x01 \x01(\tR\x03key\x12M\n\x05value\x18\x02 \x01(\x0b27.inference.ModelOptimizationPolicy.'
    b'Cuda.GraphSpec.ShapeR\x05value:\x028\x01\x1aq\n\nInputEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12'
    b'M\n\x05value\x18\x02 \x01(\x0b27.inference.ModelOptimizationPolicy.Cuda.GraphSpe'
    b'c.ShapeR\x05value:\x028\x01\x1a\xf6\x03\n\x15ExecutionAccelerators\x12\x80\x01\n\x19gpu_execution_a'
    b'ccelerator\x18\x01 \x03(\x0b2D.inference.ModelOptimizationPolicy.ExecutionAc'
    b'celerators.AcceleratorR\x17gpuExecutionAccelerator\x12\x80\x01\n\x19cpu_executio'
    b'n_accelerator\x18\x02 \x03(\x0b2D.inference.ModelOptimizationPolicy.Executio'
    b'nAccelerators.AcceleratorR\x17cpuExecutionAccelerator\x1a\xd6\x01\n\x0bAccelerat'
    b'or\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12t\n\nparameters\x18\x02 \x03(\x0b2T.inference.ModelOpti'
    b'mizationPolicy.ExecutionAccelerators.Accelerator.ParametersEntry'
    b'R\nparameters\x1a=\n\x0fParametersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\t'
    b'R\x05value:\x028\x01\x1a,\n\x12PinnedMemoryBuffer\x12\x16\n\x06enable\x18\x01 \x01(\x08R\x06enable"I\n\rMod'
    b'elPriority\x12\x14\n\x10PRIORITY_DEFAULT\x10\x00\x12\x10\n\x0cPRIORITY_MAX\x10\x01\x12\x10\n\x0cPRIORITY_M'
    b'IN\x10\x02"\xaa\x02\n\x10ModelQueuePolicy\x12P\n\x0etimeout_action\x18\x01 \x01(\x0e2).inference.Mo'
    b'delQueuePolicy.TimeoutActionR\rtimeoutAction\x12@\n\x1cdefault_timeout_m'
    b'icroseconds\x18\x02 \x01(\x04R\x1adefaultTimeoutMicroseconds\x124\n\x16allow_timeout_o'
    b'verride\x18\x03 \x01(\x08R\x14allowTimeoutOverride\x12$\n\x0emax_queue_size\x18\x04 \x01(\rR\x0cmax'
    b'QueueSize"&\n\rTimeoutAction\x12\n\n\x06REJECT\x10\x00\x12\t\n\x05DELAY\x10\x01"\xb7\x04\n\x14ModelDynam'
    b'icBatching\x120\n\x14preferred_batch_size\x18\x01 \x03(\x05R\x12preferredBatchSize\x12?\n\x1c'
    b'max_queue_delay_microseconds\x18\x02 \x01(\x04R\x19maxQueueDelayMicroseconds\x12+\n'
    b"\x11preserve_ordering\x18\x03 \x01(\x08R\x10preserveOrdering\x12'\n\x0fpriority_levels\x18\x04 "
    b'\x01(\x04R\x0epriorityLevels\x124\n\x16default_priority_level\x18\x05 \x01(\x04R\x14defaultPrio'
    b'rityLevel\x12M\n\x14default_queue_policy\x18\x06 \x01(\x0b2\x1b.inference.ModelQueuePo'
    b'licyR\x12defaultQueuePolicy\x12l\n\x15priority_queue_policy\x18\x07 \x03(\x0b28.infere'
    b'nce.ModelDynamicBatching.PriorityQueuePolicyEntryR\x13priorityQueue'
    b'Policy\x1ac\n\x18PriorityQueuePolicyEntry\x12\x10\n\x03key\x18\x01 \x01(\x04R\x03key\x121\n\x05value\x18\x02 '
    b'\x01(\x0b2\x1b.inference.ModelQueuePolicyR\x05value:\x028\x01"\xab\x0e\n\x15ModelSequenceBat'
    b'ching\x12I\n\x06direct\x18\x03 \x01(\x0b2/.inference.ModelSequenceBatching.Strategy'
    b'DirectH\x00R\x06direct\x12I\n\x06oldest\x18\x04 \x01(\x0b2/.inference.ModelSequenceBatchi'
    b'ng.StrategyOldestH\x00R\x06oldest\x12C\n\x1emax_sequence_idle_microseconds\x18\x01 '
    b'\x01(\x04R\x1bmaxSequenceIdleMicroseconds\x12R\n\rcontrol_input\x18\x02 \x03(\x0b2-.infere'
    b'nce.ModelSequenceBatching.ControlInputR\x0ccontrolInput\x12<\n\x05state\x18\x05 '
    b'\x03(\x0b2&.inference.ModelSequenceBatching.StateR\x05state\x12-\n\x12iterative_'
    b'sequence\x18\x06 \x01(\x08R\x11iterativeSequence\x1a\xef\x02\n\x07Control\x12A\n\x04kind\x18\x01 \x01(\x0e2-.in'
    b'ference.ModelSequenceBatching.Control.KindR\x04kind\x12(\n\x10int32_false_'
    b'true\x18\x02 \x03(\x05R\x0eint32FalseTrue\x12&\n\x0ffp32_false_true\x18\x03 \x03(\x02R\rfp32FalseTr'
    b'ue\x12&\n\x0fbool_false_true\x18\x05 \x03(\x08R\rboolFalseTrue\x120\n\tdata_type\x18\x04 \x01(\x0e2\x13.'
    b'inference.DataTypeR\x08dataType"u\n\x04Kind\x12\x1a\n\x16CONTROL_SEQUENCE_START\x10\x00'
    b'\x12\x1a\n\x16CONTROL_SEQUENCE_READY\x10\x01\x12\x18\n\x14CONTROL_SEQUENCE_END\x10\x02\x12\x1b\n\x17CONTRO'
    b'L_SEQUENCE_CORRID\x10\x03\x1af\n\x0cControlInput\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12B\n\x07contr'
    b'ol\x18\x02 \x03(\x0b2(.inference.ModelSequenceBatching.ControlR\x07control\x1a\xb4\x01\n\x0c'
    b'InitialState\x120\n\tdata_type\x18\x01 \x01(\x0e2\x13.inference.DataTypeR\x08dataType\x12\x12'
    b'\n\x04dims\x18\x02 \x03(\x03R\x04dims\x12\x1d\n\tzero_data\x18\x03 \x01(\x08H\x00R\x08zeroData\x12\x1d\n\tdata_file\x18\x04'
    b' \x01(\tH\x00R\x08dataFile\x12\x12\n\x04name\x18\x05 \x01(\tR\x04nameB\x0c\n\nstate_data\x1a\xd8\x02\n\x05State\x12\x1d\n\n'
    b'input_name\x18\x01 \x01(\tR\tinputName\x12\x1f\n\x0boutput_name\x18\x02 \x01(\tR\noutputName\x120\n\t'
    b'data_type\x18\x03 \x01(\x0e2\x13.inference.DataTypeR\x08dataType\x12\x12\n\x04dims\x18\x04 \x03(\x03R\x04di'
    b'ms\x12R\n\rinitial_state\x18\x05 \x03(\x0b2-.inference.ModelSequenceBatching.Init'
    b'ialStateR\x0cinitialState\x12E\n use_same_buffer_for_input_output\x18\x06 \x01(\x08'
    b'R\x1buseSameBufferForInputOutput\x12.\n\x13use_growable_memory\x18\x07 \x01(\x08R\x11useG'
    b'rowableMemory\x1a\x8b\x01\n\x0eStrategyDirect\x12?\n\x1cmax_queue_delay_microseconds'
    b'\x18\x01 \x01(\x04R\x19maxQueueDelayMicroseconds\x128\n\x18minimum_slot_utilization\x18\x02 '
    b'\x01(\x02R\x16minimumSlotUtilization\x1a\xe8\x01\n\x0eStrategyOldest\x126\n\x17max_candidate_'
    b'sequences\x18\x01 \x01(\x05R\x15maxCandidateSequences\x120\n\x14preferred_batch_size\x18\x02'
    b' \x03(\x05R\x12preferredBatchSize\x12?\n\x1cmax_queue_delay_microseconds\x18\x03 \x01(\x04R\x19'
    b'maxQueueDelayMicroseconds\x12+\n\x11preserve_ordering\x18\x04 \x01(\x08R\x10preserveOr'
    b'deringB\x11\n\x0fstrategy_choice"\x86\x04\n\x0fModelEnsembling\x123\n\x04step\x18\x01 \x03(\x0b2\x1f.in'
    b'ference.ModelEnsembling.StepR\x04step\x122\n\x15max_inflight_requests\x18\x02 \x01('
    b'\rR\x13maxInflightRequests\x1a\x89\x03\n\x04Step\x12\x1d\n\nmodel_name\x18\x01 \x01(\tR\tmodelName\x12#'
    b'\n\rmodel_version\x18\x02 \x01(\x03R\x0cmodelVersion\x12J\n\tinput_map\x18\x03 \x03(\x0b2-.inferen'
    b'ce.ModelEnsembling.Step.InputMapEntryR\x08inputMap\x12M\n\noutput_map\x18\x04 '
    b"\x03(\x0b2..inference.ModelEnsembling.Step.OutputMapEntryR\toutputMap\x12'"
    b'\n\x0fmodel_namespace\x18\x05 \x01(\tR\x0emodelNamespace\x1a;\n\rInputMapEntry\x12\x10\n\x03key\x18'
    b'\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01\x1a<\n\x0eOutputMapEntry\x12\x10\n\x03key\x18\x01 '
    b'\x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01"3\n\x0eModelParameter\x12!\n\x0cstring_v'
    b'alue\x18\x01 \x01(\tR\x0bstringValue"\xba\x03\n\x0bModelWarmup\x12\x12\n\x04name\x18\x01 \x01(\tR\x04name\x12\x1d\n\nb'
    b'atch_size\x18\x02 \x01(\rR\tbatchSize\x12:\n\x06inputs\x18\x03 \x03(\x0b2".inference.ModelWarm'
    b'up.InputsEntryR\x06inputs\x12\x14\n\x05count\x18\x04 \x01(\rR\x05count\x1a\xcc\x01\n\x05Input\x120\n\tdata_t'
    b'ype\x18\x01 \x01(\x0e2\x13.inference.DataTypeR\x08dataType\x12\x12\n\x04dims\x18\x02 \x03(\x03R\x04dims\x12\x1d\n\t'
    b'zero_data\x18\x03 \x01(\x08H\x00R\x08zeroData\x12!\n\x0brandom_data\x18\x04 \x01(\x08H\x00R\nrandomData\x12('
    b'\n\x0finput_data_file\x18\x05 \x01(\tH\x00R\rinputDataFileB\x11\n\x0finput_data_type\x1aW\n\x0bI'
    b'nputsEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x122\n\x05value\x18\x02 \x01(\x0b2\x1c.inference.ModelWar'
    b'mup.InputR\x05value:\x028\x01"A\n\x0fModelOperations\x12.\n\x13op_library_filename\x18\x01'
    b' \x03(\tR\x11opLibraryFilename"6\n\x16ModelTransactionPolicy\x12\x1c\n\tdecoupled\x18\x01'
    b' \x01(\x08R\tdecoupled"\x8c\x02\n\x15ModelRepositoryAgents\x12>\n\x06agents\x18\x01 \x03(\x0b2&.infe'
    b'rence.ModelRepositoryAgents.AgentR\x06agents\x1a\xb2\x01\n\x05Agent\x12\x12\n\x04name\x18\x01 \x01('
    b'\tR\x04name\x12V\n\nparameters\x18\x02 \x03(\x0b26.inference.ModelRepositoryAgents.Ag'
    b'ent.ParametersEntryR\nparameters\x1a=\n\x0fParametersEntry\x12\x10\n\x03key\x18\x01 \x01(\tR'
    b'\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01",\n\x12ModelResponseCache\x12\x16\n\x06enable\x18\x01'
    b' \x01(\x08R\x06enable"\xa6\x03\n\x0cModelMetrics\x12L\n\x0emetric_control\x18\x01 \x03(\x0b2%.inferenc'
    b'e.ModelMetrics.MetricControlR\rmetricControl\x1a\xc7\x02\n\rMetricControl\x12c\n'
    b'\x11metric_identifier\x18\x01 \x01(\x0b26.inference.ModelMetrics.MetricControl.'
    b'MetricIdentifierR\x10metricIdentifier\x12e\n\x11histogram_options\x18\x02 \x01(\x0b26.'
    b'inference.ModelMetrics.MetricControl.HistogramOptionsH\x00R\x10histogr'
    b'amOptions\x1a*\n\x10MetricIdentifier\x12\x16\n\x06family\x18\x01 \x01(\tR\x06family\x1a,\n\x10Histogr'
    b'amOptions\x12\x18\n\x07buckets\x18\x01 \x03(\x01R\x07bucketsB\x10\n\x0emetric_options*\xfa\x01\n\x08DataTy'
    b'pe\x12\x10\n\x0cTYPE_INVALID\x10\x00\x12\r\n\tTYPE_BOOL\x10\x01\x12\x0e\n\nTYPE_UINT8\x10\x02\x12\x0f\n\x0bTYPE_UINT'
    b'16\x10\x03\x12\x0f\n\x0bTYPE_UINT32\x10\x04\x12\x0f\n\x0bTYPE_UINT64\x10\x05\x12\r\n\tTYPE_INT8\x10\x06\x12\x0e\n\nTYPE_IN'
    b'T16\x10\x07\x12\x0e\n\nTYPE_INT32\x10\x08\x12\x0e\n\nTYPE_INT64\x10\t\x12\r\n\tTYPE_FP16\x10\n\x12\r\n\tTYPE_FP3'
    b'2\x10\x0b\x12\r\n\tTYPE_FP64\x10\x0c\x12\x0f\n\x0bTYPE_STRING\x10\r\x12\r\n\tTYPE_BF16\x10\x0e2\xb7\x0f\n\x14GRPCInfer'
    b'enceService\x12K\n\nServerLive\x12\x1c.inference.ServerLiveRequest\x1a\x1d.infere'
    b'nce.ServerLiveResponse"\x00\x12N\n\x0bServerReady\x12\x1d.inference.ServerReadyR'
    b'equest\x1a\x1e.inference.ServerReadyResponse"\x00\x12K\n\nModelReady\x12\x1c.inferen'
    b'ce.ModelReadyRequest\x1a\x1d.inference.ModelReadyResponse"\x00\x12W\n\x0eServerM'
    b'etadata\x12 .inference.ServerMetadataRequest\x1a!.inference.ServerMeta'
    b'dataResponse"\x00\x12T\n\rModelMetadata\x12\x1f.inference.ModelMetadataRequest'
    b'\x1a .inference.ModelMetadataResponse"\x00\x12K\n\nModelInfer\x12\x1c.inference.M'
    b'odelInferRequest\x1a\x1d.inference.ModelInferResponse"\x00\x12N\n\x0bModelConfig'
    b'\x12\x1d.inference.ModelConfigRequest\x1a\x1e.inference.ModelConfigResponse"'
    b'\x00\x12Z\n\x0fModelStatistics\x12!.inference.ModelStatisticsRequest\x1a".infere'
    b'nce.ModelStatisticsResponse"\x00\x12[\n\x10ModelStreamInfer\x12\x1c.inference.Mo'
    b'delInferRequest\x1a#.inference.ModelStreamInferResponse"\x00(\x010\x01\x12Z\n\x0fRe'
    b'positoryIndex\x12!.inference.RepositoryIndexRequest\x1a".inference.Rep'
    b'ositoryIndexResponse"\x00\x12f\n\x13RepositoryModelLoad\x12%.inference.Reposi'
    b'toryModelLoadRequest\x1a&.inference.RepositoryModelLoadResponse"\x00\x12l'
    b"\n\x15RepositoryModelUnload\x12'.inference.RepositoryModelUnloadRequest"
    b'\x1a(.inference.RepositoryModelUnloadResponse"\x00\x12u\n\x18SystemSharedMemo'
    b'ryStatus\x12*.inference.SystemSharedMemoryStatusRequest\x1a+.inference'
    b'.SystemSharedMemoryStatusResponse"\x00\x12{\n\x1aSystemSharedMemoryRegiste'
    b'r\x12,.inference.SystemSharedMemoryRegisterRequest\x1a-.inference.Syst'
    b'emSharedMemoryRegisterResponse"\x00\x12\x81\x01\n\x1cSystemSharedMemoryUnregiste'
    b'r\x12..inference.SystemSharedMemoryUnregisterRequest\x1a/.inference.Sy'
    b'stemSharedMemoryUnregisterResponse"\x00\x12o\n\x16CudaSharedMemoryStatus\x12('
    b'.inference.CudaSharedMemoryStatusRequest\x1a).inference.CudaSharedM'
    b'emoryStatusResponse"\x00\x12u\n\x18CudaSharedMemoryRegister\x12*.inference.Cu'
    b'daSharedMemoryRegisterRequest\x1a+.inference.CudaSharedMemoryRegist'
    b'erResponse"\x00\x12{\n\x1aCudaSharedMemoryUnregister\x12,.inference.CudaShare'
    b'dMemoryUnregisterRequest\x1a-.inference.CudaSharedMemoryUnregisterR'
    b'esponse"\x00\x12Q\n\x0cTraceSetting\x12\x1e.inference.TraceSettingRequest\x1a\x1f.infe'
    b'rence.TraceSettingResponse"\x00\x12N\n\x0bLogSettings\x12\x1d.inference.LogSetti'
    b'ngsRequest\x1a\x1e.inference.LogSettingsResponse"\x00b\x06proto3'
)
DESCRIPTOR = POOL.FindFileByName("inference.proto")

ServerLiveRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerLiveRequest"])
ServerLiveResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerLiveResponse"])
ServerReadyRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerReadyRequest"])
ServerReadyResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerReadyResponse"])
ModelReadyRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelReadyRequest"])
ModelReadyResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelReadyResponse"])
ServerMetadataRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerMetadataRequest"])
ServerMetadataResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ServerMetadataResponse"])
ModelMetadataRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelMetadataRequest"])
ModelMetadataResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelMetadataResponse"])
ModelInferRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelInferRequest"])
ModelInferResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelInferResponse"])
ModelStreamInferResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelStreamInferResponse"])
InferParameter = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferParameter"])
InferTensorContents = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferTensorContents"])
ModelConfigRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelConfigRequest"])
ModelConfigResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelConfigResponse"])
ModelStatisticsRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelStatisticsRequest"])
ModelStatisticsResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelStatisticsResponse"])
StatisticDuration = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["StatisticDuration"])
InferStatistics = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferStatistics"])
InferResponseStatistics = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferResponseStatistics"])
InferBatchStatistics = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferBatchStatistics"])
MemoryUsage = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["MemoryUsage"])
ModelStatistics = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelStatistics"])
RepositoryIndexRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RepositoryIndexRequest"])
RepositoryIndexResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RepositoryIndexResponse"])
ModelRepositoryParameter = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelRepositoryParameter"])
RepositoryModelLoadRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RepositoryModelLoadRequest"])
RepositoryModelLoadResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RepositoryModelLoadResponse"])
RepositoryModelUnloadRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RepositoryModelUnloadRequest"])
RepositoryModelUnloadResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RepositoryModelUnloadResponse"])
SystemSharedMemoryStatusRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["SystemSharedMemoryStatusRequest"])
SystemSharedMemoryStatusResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["SystemSharedMemoryStatusResponse"])
SystemSharedMemoryRegisterRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["SystemSharedMemoryRegisterRequest"])
SystemSharedMemoryRegisterResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["SystemSharedMemoryRegisterResponse"])
SystemSharedMemoryUnregisterRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["SystemSharedMemoryUnregisterRequest"])
SystemSharedMemoryUnregisterResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["SystemSharedMemoryUnregisterResponse"])
CudaSharedMemoryStatusRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["CudaSharedMemoryStatusRequest"])
CudaSharedMemoryStatusResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["CudaSharedMemoryStatusResponse"])
CudaSharedMemoryRegisterRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["CudaSharedMemoryRegisterRequest"])
CudaSharedMemoryRegisterResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["CudaSharedMemoryRegisterResponse"])
CudaSharedMemoryUnregisterRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["CudaSharedMemoryUnregisterRequest"])
CudaSharedMemoryUnregisterResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["CudaSharedMemoryUnregisterResponse"])
TraceSettingRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["TraceSettingRequest"])
TraceSettingResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["TraceSettingResponse"])
LogSettingsRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["LogSettingsRequest"])
LogSettingsResponse = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["LogSettingsResponse"])
ModelConfig = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelConfig"])
ModelVersionPolicy = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelVersionPolicy"])
ModelTensorReshape = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelTensorReshape"])
ModelInput = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelInput"])
ModelOutput = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelOutput"])
BatchInput = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["BatchInput"])
BatchOutput = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["BatchOutput"])
ModelRateLimiter = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelRateLimiter"])
ModelInstanceGroup = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelInstanceGroup"])
ModelOptimizationPolicy = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelOptimizationPolicy"])
ModelQueuePolicy = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelQueuePolicy"])
ModelDynamicBatching = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelDynamicBatching"])
ModelSequenceBatching = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelSequenceBatching"])
ModelEnsembling = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelEnsembling"])
ModelParameter = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelParameter"])
ModelWarmup = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelWarmup"])
ModelOperations = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelOperations"])
ModelTransactionPolicy = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelTransactionPolicy"])
ModelRepositoryAgents = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelRepositoryAgents"])
ModelResponseCache = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelResponseCache"])
ModelMetrics = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ModelMetrics"])
DataType = EnumTypeWrapper(DESCRIPTOR.enum_types_by_name["DataType"])
TYPE_INVALID = 0
TYPE_BOOL = 1
TYPE_UINT8 = 2
TYPE_UINT16 = 3
TYPE_UINT32 = 4
TYPE_UINT64 = 5
TYPE_INT8 = 6
TYPE_INT16 = 7
TYPE_INT32 = 8
TYPE_INT64 = 9
TYPE_FP16 = 10
TYPE_FP32 = 11
TYPE_FP64 = 12
TYPE_STRING = 13
TYPE_BF16 = 14
