"""Generated from proto/inference.proto by proto/generate.py. Do not edit."""

from google.protobuf import descriptor_pool, message_factory

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
    b'\x03key\x12/\n\x05value\x18\x02 \x01(\x0b2\x19.inference.InferParameterR\x05value:\x028\x01"\xd7\x01\n\x0eIn'
    b'ferParameter\x12\x1f\n\nbool_param\x18\x01 \x01(\x08H\x00R\tboolParam\x12!\n\x0bint64_param\x18\x02 \x01'
    b'(\x03H\x00R\nint64Param\x12#\n\x0cstring_param\x18\x03 \x01(\tH\x00R\x0bstringParam\x12#\n\x0cdouble_'
    b'param\x18\x04 \x01(\x01H\x00R\x0bdoubleParam\x12#\n\x0cuint64_param\x18\x05 \x01(\x04H\x00R\x0buint64ParamB'
    b'\x12\n\x10parameter_choice"\xc3\x02\n\x13InferTensorContents\x12#\n\rbool_contents\x18\x01 \x03'
    b'(\x08R\x0cboolContents\x12!\n\x0cint_contents\x18\x02 \x03(\x05R\x0bintContents\x12%\n\x0eint64_con'
    b'tents\x18\x03 \x03(\x03R\rint64Contents\x12#\n\ruint_contents\x18\x04 \x03(\rR\x0cuintContents\x12'
    b"'\n\x0fuint64_contents\x18\x05 \x03(\x04R\x0euint64Contents\x12#\n\rfp32_contents\x18\x06 \x03(\x02R"
    b'\x0cfp32Contents\x12#\n\rfp64_contents\x18\x07 \x03(\x01R\x0cfp64Contents\x12%\n\x0ebytes_cont'
    b'ents\x18\x08 \x03(\x0cR\rbytesContents2\xfc\x03\n\x14GRPCInferenceService\x12K\n\nServerLive'
    b'\x12\x1c.inference.ServerLiveRequest\x1a\x1d.inference.ServerLiveResponse"\x00\x12'
    b'N\n\x0bServerReady\x12\x1d.inference.ServerReadyRequest\x1a\x1e.inference.Server'
    b'ReadyResponse"\x00\x12K\n\nModelReady\x12\x1c.inference.ModelReadyRequest\x1a\x1d.in'
    b'ference.ModelReadyResponse"\x00\x12W\n\x0eServerMetadata\x12 .inference.Serve'
    b'rMetadataRequest\x1a!.inference.ServerMetadataResponse"\x00\x12T\n\rModelMe'
    b'tadata\x12\x1f.inference.ModelMetadataRequest\x1a .inference.ModelMetadat'
    b'aResponse"\x00\x12K\n\nModelInfer\x12\x1c.inference.ModelInferRequest\x1a\x1d.infere'
    b'nce.ModelInferResponse"\x00b\x06proto3'
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
InferParameter = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferParameter"])
InferTensorContents = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["InferTensorContents"])
